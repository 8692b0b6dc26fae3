"""The original policy commands, as forwards to editorbot."""
