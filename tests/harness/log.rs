//! The functions' log of this process, kept for the tests that read it.

use std::sync::Mutex;

static LINES: Mutex<Vec<u8>> = Mutex::new(Vec::new());

/// Keeps every line from now on.
pub fn capture() {
    functions::log::redirect(|line| {
        if let Ok(mut lines) = LINES.lock() {
            lines.extend_from_slice(line);
        }
    });
}

/// All that was logged so far, by every test of this process.
pub fn text() -> String {
    LINES
        .lock()
        .map(|lines| String::from_utf8_lossy(&lines).into_owned())
        .unwrap_or_default()
}
