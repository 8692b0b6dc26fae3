"""The original commands of the pointer network, as forwards to editorbot."""
