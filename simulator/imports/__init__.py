"""Real data made into feeds: NEM12, CSV, SimBench."""
