"""What all parts of the plugin use: Qt helpers, settings, icons, messages, layers."""
