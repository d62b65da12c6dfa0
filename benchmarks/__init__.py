"""What Meterwatch costs: `make bench` measures it and writes `results.md`. Nothing here is imported by the product."""
