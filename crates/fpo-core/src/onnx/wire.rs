//! Messages in protobuf's wire format, as far as ONNX needs it.
//!
//! A message is a sequence of fields. A field is a tag, `number · 8 + type`, followed by a varint
//! (type 0), by four bytes (type 5), or by a length and as many bytes (type 2): text, numbers in
//! bulk, or another message. A varint holds seven bits in each byte, the lowest first, and the
//! eighth bit says that another byte follows
//! (<https://protobuf.dev/programming-guides/encoding/>).

const VARINT: u64 = 0;
const LENGTH_DELIMITED: u64 = 2;
const FOUR_BYTES: u64 = 5;

/// The bytes of a message, to which fields are added.
#[derive(Clone, Debug, Default)]
pub(super) struct Message(Vec<u8>);

impl Message {
    /// Adds an integer.
    pub(super) fn int(&mut self, field: u64, value: i64) {
        self.tag(field, VARINT);
        // Negative numbers are written in two's complement, as the format asks.
        self.varint(value as u64);
    }

    /// Adds a 32-bit float.
    pub(super) fn float(&mut self, field: u64, value: f32) {
        self.tag(field, FOUR_BYTES);
        self.0.extend_from_slice(&value.to_le_bytes());
    }

    /// Adds bytes.
    pub(super) fn bytes(&mut self, field: u64, bytes: &[u8]) {
        self.tag(field, LENGTH_DELIMITED);
        self.varint(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
    }

    /// Adds a text.
    pub(super) fn text(&mut self, field: u64, text: &str) {
        self.bytes(field, text.as_bytes());
    }

    /// Adds a message.
    pub(super) fn message(&mut self, field: u64, message: &Message) {
        self.bytes(field, &message.0);
    }

    /// Returns the number of bytes.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns the bytes.
    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    fn tag(&mut self, field: u64, kind: u64) {
        self.varint(field << 3 | kind);
    }

    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples of the format's own documentation: field 1 with 150, field 2 with "testing",
    /// field 3 with a message whose field 1 is 150; and −2, which takes ten bytes.
    #[test]
    fn fields_have_the_bytes_of_the_formats_documentation() {
        let mut inner = Message::default();
        inner.int(1, 150);
        let mut message = inner.clone();
        message.text(2, "testing");
        message.message(3, &inner);
        message.float(4, 1.0);
        let expected = b"\x08\x96\x01\x12\x07testing\x1a\x03\x08\x96\x01\x25\0\0\x80\x3f";
        assert_eq!(message.into_bytes(), expected);
        let mut negative = Message::default();
        negative.int(1, -2);
        assert_eq!(negative.into_bytes(), b"\x08\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01");
    }
}
