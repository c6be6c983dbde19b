"""The Processing provider ``croptransfer``: one algorithm a file, over one base class.

An algorithm gathers a Job in :meth:`prepareAlgorithm`, where layers may be touched, and runs it in
the worker process in :meth:`processAlgorithm`, where they may not.
"""
