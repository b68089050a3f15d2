//! The terminal: a screen of our own, keys as they are pressed, and everything as before at the end.

use std::io::{self, Write as _};
use std::time::Duration;

use crossterm::cursor::{Hide, MoveTo, Show};
use crossterm::event::{self, Event, KeyCode, KeyEventKind, KeyModifiers};
use crossterm::terminal::{
    Clear, ClearType, EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode,
    enable_raw_mode, size,
};
use crossterm::{execute, queue, style::Print};

/// What was pressed, if it means something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Key {
    End,
    OtherView,
    OtherOrder,
}

/// The terminal, in a state that only its end undoes.
pub(super) struct Screen;

impl Screen {
    pub(super) fn open() -> io::Result<Self> {
        enable_raw_mode()?;
        let screen = Self;
        execute!(io::stdout(), EnterAlternateScreen, Hide)?;
        Ok(screen)
    }

    /// Columns and lines.
    pub(super) fn size() -> io::Result<(u16, u16)> {
        size()
    }

    /// Replaces everything by `lines`, as far as they fit.
    pub(super) fn show(&mut self, lines: &[String], width: u16, height: u16) -> io::Result<()> {
        let mut out = io::stdout().lock();
        for (line, number) in lines.iter().zip(0..height) {
            let line: String = line.chars().take(width.into()).collect();
            queue!(
                out,
                MoveTo(0, number),
                Print(line),
                Clear(ClearType::UntilNewLine)
            )?;
        }
        queue!(out, Clear(ClearType::FromCursorDown))?;
        out.flush()
    }

    /// Waits for a key that means something, or for `wait`.
    pub(super) fn key(wait: Duration) -> io::Result<Option<Key>> {
        if !event::poll(wait)? {
            return Ok(None);
        }
        let Event::Key(key) = event::read()? else {
            return Ok(None);
        };
        if key.kind == KeyEventKind::Release {
            return Ok(None);
        }
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        Ok(match key.code {
            KeyCode::Char('c') if control => Some(Key::End),
            KeyCode::Char('q') | KeyCode::Esc => Some(Key::End),
            KeyCode::Tab => Some(Key::OtherView),
            KeyCode::Char('s') => Some(Key::OtherOrder),
            _ => None,
        })
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // There is nobody left to be told.
        let _ = execute!(io::stdout(), Show, LeaveAlternateScreen);
        let _ = disable_raw_mode();
    }
}
