//! Frames as values of their own, and how they are cut out of a stream.

use ferrymq_amqp::frame::{self, PROTOCOL_HEADER};
use ferrymq_amqp::{Frame, FrameKind};

/// A frame that has left its stream.
#[derive(Debug, Clone)]
pub(crate) struct OwnFrame {
    pub(crate) kind: FrameKind,
    pub(crate) channel: u16,
    pub(crate) payload: Vec<u8>,
}

impl From<Frame<'_>> for OwnFrame {
    fn from(frame: Frame<'_>) -> Self {
        Self {
            kind: frame.kind,
            channel: frame.channel,
            payload: frame.payload.to_vec(),
        }
    }
}

/// Takes every whole frame out of `stream`; a protocol header in front of them is skipped.
pub(crate) fn cut(stream: &mut Vec<u8>) -> Vec<OwnFrame> {
    let mut frames = Vec::new();
    let mut at = 0;
    if stream.starts_with(&PROTOCOL_HEADER[..]) {
        at = PROTOCOL_HEADER.len();
    }
    while let Some(frame) = frame::decode(&stream[at..], u32::MAX).expect("frames only") {
        at += frame.encoded_len();
        frames.push(OwnFrame::from(frame));
    }
    stream.drain(..at);
    frames
}
