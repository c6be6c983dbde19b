"""Shared by all parts of the plugin: Qt helpers, settings, icons, messages, layers."""
