"""Delivery of the outbox to people's channels. Until it comes, alerts reach people by the desk and Grafana's annotations."""
