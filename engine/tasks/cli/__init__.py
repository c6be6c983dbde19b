"""The command ``croptransfer``: one file a subcommand."""
