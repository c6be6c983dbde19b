"""The Processing provider ``croptransfer``: one algorithm a file, over one base class.

An algorithm gathers plain values in :meth:`prepareAlgorithm`, where layers may be touched, and has the
worker process run a Job or a Comparison in :meth:`processAlgorithm`, where they may not.
"""
