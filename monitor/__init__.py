"""Settings, wiring and the command line: the one place where everything is put together."""

import os

# one BLAS thread, set before numpy loads: sums come out the same on every machine, and workers do not fight for cores
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")
