"""A text in the languages of the product. Pure."""

from dataclasses import dataclass

GERMAN = "de"  # every other language of `device.language` is English


@dataclass(frozen=True, slots=True)
class Text:
    """A text in the languages of the product."""

    en: str
    de: str

    def in_language(self, language: str) -> str:
        """Return the text in a language of the parameter `device.language`."""
        return self.de if language == GERMAN else self.en

    def filled(self, **values: object) -> "Text":
        """Return the text with `{names}` replaced by values, by texts in the same language."""
        en = {name: v.en if isinstance(v, Text) else v for name, v in values.items()}
        de = {name: v.de if isinstance(v, Text) else v for name, v in values.items()}
        return Text(en=self.en.format(**en), de=self.de.format(**de))
