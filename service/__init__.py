"""Customers' side of the circle: profiles and labels, usage advice, early warnings. Rules come with their own issue."""
