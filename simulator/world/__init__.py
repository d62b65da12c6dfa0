"""The metered world: climates, settlements, customers, their loads, the network between them."""
