"""docs/actions.md is what the code says."""

from pathlib import Path

from editorbot.environment.actions import VOCABULARIES, ActionType
from tools.actions_page import actions_page

PAGE = Path(__file__).parents[2] / "docs" / "actions.md"


def test_the_page_is_made_from_the_code():
    assert PAGE.read_text() == actions_page(), "run python -m tools.actions_page > docs/actions.md"


def test_the_page_names_every_type_of_every_vocabulary():
    page = actions_page()
    for vocabulary in VOCABULARIES.values():
        for index, name in enumerate(vocabulary.names):
            assert f"| {index} | {name} |" in page
    assert VOCABULARIES["v3"].names == tuple(each.name for each in ActionType)
    assert [vocabulary.types for vocabulary in VOCABULARIES.values()] == [5, 18, 20]
