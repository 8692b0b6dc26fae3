"""Ruiners of another hand than `editorbot.corpus.simulate`, for judging: ``python -m simulators.NAME``."""
