"""What people are sent and how it reaches them: texts, the signed webhook, everything Apprise speaks, and the plan that names them."""
