//! An incremental reader of Server-Sent Events, by the rules of the WHATWG standard. It never fails: what is no event is nothing.

/// One event: its type, and its data lines joined.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Event {
    /// Empty where the stream names none, which means "message".
    pub(crate) kind: Vec<u8>,
    pub(crate) data: Vec<u8>,
}

/// Takes a stream apart, in whatever pieces it arrives. Holds no more than the event it is in; the caller bounds the stream.
#[derive(Debug, Default)]
pub(crate) struct Parser {
    line: Vec<u8>,
    kind: Vec<u8>,
    data: Vec<u8>,
    has_data: bool,
    /// A line ended with CR; an LF right after it belongs to the same end.
    after_cr: bool,
    /// The first line is behind us, so a byte order mark is no longer one.
    begun: bool,
}

impl Parser {
    /// Reads on, and hands each event that is complete to `found` until it says that it has what it wants.
    pub(crate) fn feed(&mut self, bytes: &[u8], mut found: impl FnMut(Event) -> Flow) -> Flow {
        for piece in bytes.split_inclusive(|byte| matches!(byte, b'\n' | b'\r')) {
            let (text, end) = match piece.split_last() {
                Some((end @ (b'\n' | b'\r'), text)) => (text, Some(*end)),
                _ => (piece, None),
            };
            if self.after_cr {
                self.after_cr = false;
                if text.is_empty() && end == Some(b'\n') {
                    continue;
                }
            }
            self.line.extend_from_slice(text);
            let Some(end) = end else { continue };
            self.after_cr = end == b'\r';
            if let Some(event) = self.end_line()
                && found(event) == Flow::Stop
            {
                return Flow::Stop;
            }
        }
        Flow::GoOn
    }

    /// Takes in the line that has just ended. An empty one completes an event, if there is data for one.
    fn end_line(&mut self) -> Option<Event> {
        let line = std::mem::take(&mut self.line);
        let line = if std::mem::replace(&mut self.begun, true) {
            &line[..]
        } else {
            line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&line)
        };
        if line.is_empty() {
            let kind = std::mem::take(&mut self.kind);
            let data = std::mem::take(&mut self.data);
            return std::mem::take(&mut self.has_data).then_some(Event { kind, data });
        }
        let (field, value) = match line.iter().position(|byte| *byte == b':') {
            Some(colon) => {
                let value = &line[colon + 1..];
                (&line[..colon], value.strip_prefix(b" ").unwrap_or(value))
            }
            None => (line, &[][..]),
        };
        match field {
            b"data" => {
                if std::mem::replace(&mut self.has_data, true) {
                    self.data.push(b'\n');
                }
                self.data.extend_from_slice(value);
            }
            b"event" => self.kind = value.to_vec(),
            // `id` and `retry` are for clients that reconnect; a line that begins with a colon is a comment.
            _ => {}
        }
        None
    }
}

/// Whether whoever is reading wants more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flow {
    GoOn,
    Stop,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn events(pieces: &[&[u8]]) -> Vec<Event> {
        let mut parser = Parser::default();
        let mut events = Vec::new();
        for piece in pieces {
            parser.feed(piece, |event| {
                events.push(event);
                Flow::GoOn
            });
        }
        events
    }

    fn event(kind: &str, data: &str) -> Event {
        Event {
            kind: kind.into(),
            data: data.into(),
        }
    }

    #[test]
    fn reads_what_servers_send() {
        let stream = b"\xef\xbb\xbf: hello\n\nid: 1\nretry: 3000\ndata:\n\nevent: message\r\ndata: {\"a\":1}\r\n\r\ndata:x\rdata\rdata:  y\r\rdata: never ended";
        assert_eq!(
            events(&[stream]),
            [
                event("", ""),
                event("message", "{\"a\":1}"),
                event("", "x\n\n y"),
            ]
        );
    }

    #[test]
    fn stops_when_it_is_told() {
        let mut seen = 0;
        let flow = Parser::default().feed(b"data: 1\n\ndata: 2\n\n", |_| {
            seen += 1;
            Flow::Stop
        });
        assert_eq!((flow, seen), (Flow::Stop, 1));
    }

    /// Streams that look like streams, so that the cases are not all comments.
    fn stream() -> impl Strategy<Value = Vec<u8>> {
        let token = prop_oneof![
            Just(b"data:".to_vec()),
            Just(b"data: ".to_vec()),
            Just(b"event: ".to_vec()),
            Just(b": ".to_vec()),
            Just(b"\n".to_vec()),
            Just(b"\r".to_vec()),
            Just(b"\r\n".to_vec()),
            Just(b"\n\n".to_vec()),
            Just(b"\xef\xbb\xbf".to_vec()),
            proptest::collection::vec(any::<u8>(), 0..6),
        ];
        proptest::collection::vec(token, 0..60).prop_map(|tokens| tokens.concat())
    }

    proptest! {
        #[test]
        fn pieces_make_no_difference(stream in stream(), cuts in proptest::collection::vec(1_usize..9, 1..40)) {
            let mut pieces = Vec::new();
            let mut rest = &stream[..];
            for cut in cuts.iter().cycle() {
                if rest.is_empty() {
                    break;
                }
                let (piece, after) = rest.split_at((*cut).min(rest.len()));
                pieces.push(piece);
                rest = after;
            }
            prop_assert_eq!(events(&pieces), events(&[&stream]));
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..2000)) {
            let found = events(&[&bytes]);
            let total: usize = found.iter().map(|event| event.data.len()).sum();
            prop_assert!(total <= bytes.len());
        }
    }
}
