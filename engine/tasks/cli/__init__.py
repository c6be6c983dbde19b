"""The command ``croptransfer``: ``main`` assembles it, one file a subcommand, ``*_arguments`` for shared options.

>>> from croptransfer.engine.tasks.cli.main import main
>>> main(["classify"])
2
"""
