"""Simulators of jams, independent of `editorbot.corpus.simulate`, for evaluation: ``python -m simulators.NAME``."""
