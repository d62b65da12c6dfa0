"""Customers' side of the circle: how they use electricity beside their peers, and what to advise. Rules come with their own issue."""
