"""`kotoba-export agreement ask`: one person, one picture after the other, one key each."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import TextIO

from export.agreement.errors import RatingsError
from export.agreement.journal import Journal
from export.agreement.keys import Keys, keys_of
from export.agreement.pictures import blocks, can_show_blocks, pictures_in, pixels_of, shown, viewer_of
from export.agreement.ratings import BOX, MAX_TRIALS, UNDO, Answer, standing
from export.agreement.session import Question, Session, order_of
from export.agreement.texts import TEXTS, Language, Texts

ANSWERS: dict[str, Answer] = {"O": "OK", "1": "OK", "N": "NG", "2": "NG"}
LATER, BACK, STOP, HELP = "S", "U", "Q", "?"
CLEAR = "\x1b[2J\x1b[3J\x1b[H"
"""Clears the screen and what was scrolled away: nobody looks back at earlier pictures."""


def ask(
    folder: Path,
    *,
    appraiser: str,
    out: Path,
    trials: int,
    seed: int,
    viewer: str | None,
    language: Language,
) -> None:
    """Ask until everything is answered or the person stops.

    Raises:
        RatingsError: the pictures, the name, the number of trials or the file of answers are wrong, or an answer cannot be written.
    """
    appraiser = _name(appraiser)
    if not 1 <= trials <= MAX_TRIALS:
        msg = f"asking {appraiser}: {trials} trials: give 1 to {MAX_TRIALS}"
        raise RatingsError(msg)
    program = viewer_of(viewer, os.environ)
    parts = pictures_in(folder)
    with Journal(out) as journal:
        order = order_of(parts, trials=trials, seed=seed, appraiser=appraiser)
        rows = [row for row in standing(journal.rows, out).values() if row.appraiser == appraiser]
        strangers = [row for row in rows if Question(row.trial, row.part) not in set(order)]
        if strangers:
            what = f"an answer about {strangers[0].part!r} in trial {strangers[0].trial}"
            msg = f"asking {appraiser}: {out} has {what}, which is not asked here: give the folder and the --trials of before"
            raise RatingsError(msg)
        session = Session(order, [Question(row.trial, row.part) for row in rows])
        with keys_of(sys.stdin) as keys:
            form = Form(
                folder, session, journal, appraiser=appraiser, out=out, viewer=program, texts=TEXTS[language], keys=keys, screen=sys.stdout
            )
            form.run(parts=len(parts), trials=trials)


class Form:
    """The dialogue with one person."""

    def __init__(  # noqa: PLR0913 -- what a form consists of
        self,
        folder: Path,
        session: Session,
        journal: Journal,
        *,
        appraiser: str,
        out: Path,
        viewer: str | None,
        texts: Texts,
        keys: Keys,
        screen: TextIO,
        now: Callable[[], datetime] = lambda: datetime.now(timezone.utc),
    ) -> None:
        """`viewer`: the program that shows pictures, or None; `screen`: where texts go."""
        self._folder, self._session, self._journal = folder, session, journal
        self._appraiser, self._out, self._viewer, self._texts = appraiser, out, viewer, texts
        self._keys, self._screen, self._now = keys, screen, now
        self._number = 0

    def run(self, *, parts: int, trials: int) -> None:
        """Ask every question; Ctrl-C and the end of the input stop as Q does."""
        count = parts * trials
        facts = {"appraiser": self._appraiser, "out": self._out, "all": count}
        self._say(self._texts.welcome.format(parts=parts, trials=trials, given=self._session.given, **facts))
        try:
            while (question := self._session.question) is not None:
                if not self._ask(question, trials=trials, count=count):
                    break
        except KeyboardInterrupt:
            pass
        end = self._texts.stopped if self._session.question is not None else self._texts.done
        self._say(end.format(given=self._session.given, **facts))

    def _ask(self, question: Question, *, trials: int, count: int) -> bool:
        """Show one picture until a key decides; False: the person stops."""
        self._number += 1
        path = self._folder / question.part
        pixels = pixels_of(path)
        with shown(path, self._number, self._viewer) as copy:
            if self._screen.isatty():
                self._screen.write(CLEAR)
            if self._viewer is None and can_show_blocks(self._screen, os.environ):
                self._say(blocks(pixels))
            self._say(self._texts.shown.format(path=copy, width=pixels.shape[1], height=pixels.shape[0]))
            # Before the question is read, not after: a key that was typed too early belongs to no picture.
            self._keys.forget()
            where = self._texts.where.format(trial=question.trial, trials=trials, number=self._session.given + 1, all=count)
            self._say(f"{where}   {self._texts.keys}")
            return self._decide(question)

    def _decide(self, question: Question) -> bool:
        while True:
            key = self._keys.read()
            if key is None or key == STOP:
                return False
            if key in ANSWERS:
                self._write(question, ANSWERS[key])
                self._session.answered()
                return True
            if key == LATER:
                self._session.later()
                return True
            if key == BACK:
                before = self._session.back()
                if before is not None:
                    self._write(before, UNDO)
                    return True
            self._say({HELP: self._texts.help, BACK: self._texts.nothing_to_undo}.get(key, self._texts.unknown))

    def _write(self, question: Question, answer: str) -> None:
        self._journal.add(part=question.part, appraiser=self._appraiser, trial=question.trial, answer=answer, at=self._now())

    def _say(self, text: str) -> None:
        self._screen.write(text + "\n")
        self._screen.flush()


def _name(name: str) -> str:
    found = name.strip()
    if not found or not found.isprintable() or found == BOX:
        msg = f"asking {name!r}: that is no name of a person: give --appraiser a name other than {BOX!r}"
        raise RatingsError(msg)
    return found
