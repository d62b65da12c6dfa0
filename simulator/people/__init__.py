"""The people of a simulated utility: a department that visits tasks and reports findings, mends what it finds, and hears appeals.

Who errs and how often is data (`errors`, `aftermath`); every draw is a hash of the run's seed and the task, never of an order
or a clock, so that the same run gives the same bytes whichever way it goes. What was found and what became of it is in
`visits.csv` of a RUN folder (`visit`). It knows nothing of alerts: it sees open tasks and the truth.
"""
