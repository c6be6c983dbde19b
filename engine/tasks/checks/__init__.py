"""Everything that can be known to be wrong with a task before it runs.

One file checks each kind of task, without torch and without reading a pixel; ``outputs`` checks the files of all of
them by one table.

>>> from croptransfer.engine.tasks import Comparison
>>> from croptransfer.engine.tasks.checks.outputs import output_problems
>>> [problem.code for problem in output_problems(Comparison(output="a.json", csv="a.html"))]
['same-output']
"""
