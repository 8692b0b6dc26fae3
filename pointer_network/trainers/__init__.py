"""The original trainer of the pointer network, as a forward to editorbot."""
