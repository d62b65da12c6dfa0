#!/bin/bash
# Everything `make system` needs, on a fresh machine: Kafka, InfluxDB, PostgreSQL, Chromium.
# Run it as often as you like: what is there is left alone. What it builds or fetches lies outside the checkout, in
# ${METERWATCH_CACHE:-~/.cache/meterwatch}. PostgreSQL and Chromium are Debian packages: as root they are installed,
# otherwise it says what to install. It uses whatever mirrors apt, Maven, Go and Cargo are set up with.
set -euo pipefail
HERE=$(cd "$(dirname "$0")" && pwd)
CACHE=${METERWATCH_CACHE:-$HOME/.cache/meterwatch}
JARS=$CACHE/kafka/lib
INFLUXD=$CACHE/influxdb/out/influxd
mkdir -p "$CACHE"

say() { printf 'install_servers: %s\n' "$*"; }
give_up() { printf 'install_servers: %s\n' "$*" >&2; exit 1; }
have() { command -v "$1" >/dev/null 2>&1; }

# Go and Cargo are often installed where only a login shell looks.
for folder in /usr/local/go/bin "$HOME/go/bin" "$HOME/.cargo/bin"; do
  [ -d "$folder" ] && PATH=$PATH:$folder
done
export PATH

packages=()
need() { case " ${packages[*]-} " in *" $1 "*) ;; *) packages+=("$1") ;; esac; }
postgres() { [ -n "$(compgen -G '/usr/lib/postgresql/*/bin/postgres' || true)" ] || have postgres; }
jars() { [ -n "$(compgen -G "$JARS/kafka_*.jar" || true)" ]; }

postgres || need postgresql
have chromium || have chromium-browser || have google-chrome || need chromium
have java || need default-jre-headless
jars || have mvn || need maven
if [ ! -x "$INFLUXD" ]; then
  have gcc || need gcc
  have pkg-config || need pkg-config
  have git || need git
fi

if [ ${#packages[@]} -gt 0 ]; then
  have apt-get || give_up "missing: ${packages[*]} (Debian's names). Install them, then run this again."
  [ "$(id -u)" = 0 ] || give_up "missing: ${packages[*]}. Run: sudo apt-get install ${packages[*]}"
  say "installing ${packages[*]}"
  export DEBIAN_FRONTEND=noninteractive
  # A cluster of its own would take memory and a port: the tests start theirs.
  if [ ! -e /etc/postgresql-common/createcluster.conf ]; then
    mkdir -p /etc/postgresql-common
    echo 'create_main_cluster = false' >/etc/postgresql-common/createcluster.conf
  fi
  apt-get -qq update >"$CACHE/apt.log" 2>&1 || give_up "apt-get update failed: see $CACHE/apt.log"
  apt-get -qq -y --no-install-recommends -o Dpkg::Options::=--force-confold install "${packages[@]}" >>"$CACHE/apt.log" 2>&1 ||
    give_up "apt-get install failed: see $CACHE/apt.log"
fi

if ! jars; then
  say "fetching Kafka's jars with Maven"
  mkdir -p "$CACHE/kafka"
  rm -rf "$JARS.part"
  mvn -q -B -f "$HERE/kafka/pom.xml" dependency:copy-dependencies -DoutputDirectory="$JARS.part" -DincludeScope=runtime \
    >"$CACHE/kafka/mvn.log" 2>&1 || give_up "Maven could not fetch Kafka: see $CACHE/kafka/mvn.log"
  rm -rf "$JARS" && mv "$JARS.part" "$JARS"
fi

if [ ! -x "$INFLUXD" ]; then
  have go || give_up "InfluxDB is built from its Go module, and there is no go: install Go 1.23 or newer, then run this again."
  have cargo || give_up "InfluxDB's query language is Rust, and there is no cargo: install Rust (rustup, stable), then run this again."
  say "building influxd from its Go module: four to eight minutes, once (log: $CACHE/influxdb/build.log)"
  mkdir -p "$CACHE/influxdb"
  "$HERE/build_influxd.sh" "$CACHE/influxdb/out" >"$CACHE/influxdb/build.log" 2>&1 || {
    tail -n 20 "$CACHE/influxdb/build.log" >&2
    give_up "influxd did not build: see $CACHE/influxdb/build.log"
  }
fi

say "Kafka in $JARS"
say "InfluxDB: $("$INFLUXD" version)"
server=$(compgen -G '/usr/lib/postgresql/*/bin/postgres' | sort -V | tail -n 1 || true)
say "PostgreSQL: $("${server:-postgres}" --version)"
say "Java: $(java -version 2>&1 | head -n 1)"
say "Chromium: $(command -v chromium || command -v chromium-browser || command -v google-chrome)"
