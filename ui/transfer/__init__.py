"""The transfer dialog: its form makes a job, a check lists the problems, a task runs the job in the worker."""
