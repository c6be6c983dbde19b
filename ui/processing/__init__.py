"""The Processing provider ``croptransfer``: one algorithm per file, over one base class.

Each algorithm declares its words and parameters as class attributes and in ``initAlgorithm``. ``prepareAlgorithm``
resolves all parameters to plain values, where layers may be touched; ``processAlgorithm`` makes a task of them and has
the worker process run it, where they may not.
"""
