//! An ONNX model: a graph of operators, with the numbers of the fields in `onnx.proto`
//! (<https://github.com/onnx/onnx/blob/main/onnx/onnx.proto>).
//!
//! The file is of IR version 8 and operator set 17, of 2022: readers go back that far, and every
//! operator that policies need had its present form by then.

use crate::error::{Error, Result};
use crate::onnx::wire::Message;

const IR_VERSION: i64 = 8;
const OPERATOR_SET: i64 = 17;
/// `TensorProto.DataType` of 32-bit floats and of 64-bit integers.
const FLOAT: i64 = 1;
const INT64: i64 = 7;
/// `AttributeProto.AttributeType` of a float.
const FLOAT_ATTRIBUTE: i64 = 1;
/// The longest message that readers of protobuf accept, in bytes.
const LONGEST: usize = (1 << 31) - 1;

/// An input or an output: its name, what it is, and the number of its columns.
pub(super) struct Value<'a> {
    pub(super) name: &'a str,
    pub(super) says: &'a str,
    pub(super) columns: usize,
}

/// What a model says besides its graph.
pub(super) struct Head<'a> {
    pub(super) name: &'a str,
    pub(super) says: &'a str,
    /// Rows of inputs and outputs; any number of them if `None`.
    pub(super) batch: Option<usize>,
    pub(super) properties: &'a [(String, String)],
}

/// A graph to which operators are added, each after those whose results it takes.
#[derive(Default)]
pub(super) struct Graph {
    nodes: Vec<Message>,
    constants: Vec<Message>,
}

impl Graph {
    /// Adds numbers that do not change, and returns their name.
    pub(super) fn constant(&mut self, name: &str, shape: &[usize], values: &[f32]) -> String {
        let bytes: Vec<u8> = values.iter().flat_map(|x| x.to_le_bytes()).collect();
        self.tensor(name, shape, FLOAT, &bytes)
    }

    /// Adds integers that do not change, and returns their name.
    pub(super) fn integers(&mut self, name: &str, values: &[i64]) -> String {
        let bytes: Vec<u8> = values.iter().flat_map(|x| x.to_le_bytes()).collect();
        self.tensor(name, &[values.len()], INT64, &bytes)
    }

    fn tensor(&mut self, name: &str, shape: &[usize], kind: i64, bytes: &[u8]) -> String {
        let mut tensor = Message::default();
        shape.iter().for_each(|&size| tensor.int(1, size as i64));
        tensor.int(2, kind);
        tensor.text(8, name);
        tensor.bytes(9, bytes);
        self.constants.push(tensor);
        name.into()
    }

    /// Adds an operator with one result, which is named like it, and returns the name.
    pub(super) fn node(&mut self, name: &str, operator: &str, inputs: &[&str]) -> String {
        self.node_with(name, operator, inputs, &[])
    }

    /// Does what [`Graph::node`] does, for an operator with attributes.
    pub(super) fn node_with(
        &mut self,
        name: &str,
        operator: &str,
        inputs: &[&str],
        attributes: &[(&str, f32)],
    ) -> String {
        let mut node = Message::default();
        inputs.iter().for_each(|input| node.text(1, input));
        node.text(2, name);
        node.text(3, name);
        node.text(4, operator);
        for (name, value) in attributes {
            let mut attribute = Message::default();
            attribute.text(1, name);
            attribute.float(2, *value);
            attribute.int(20, FLOAT_ATTRIBUTE);
            node.message(5, &attribute);
        }
        self.nodes.push(node);
        name.into()
    }

    /// Returns the bytes of the model with this graph.
    ///
    /// # Errors
    /// [`Error::Invalid`] if it would be longer than readers accept.
    pub(super) fn into_model(
        self,
        head: &Head,
        inputs: &[Value],
        outputs: &[Value],
    ) -> Result<Vec<u8>> {
        let mut graph = Message::default();
        self.nodes.iter().for_each(|node| graph.message(1, node));
        graph.text(2, head.name);
        self.constants.iter().for_each(|constant| graph.message(5, constant));
        inputs.iter().for_each(|value| graph.message(11, &info(value, head.batch)));
        outputs.iter().for_each(|value| graph.message(12, &info(value, head.batch)));

        let mut model = Message::default();
        model.int(1, IR_VERSION);
        model.text(2, "fpo");
        model.text(3, env!("CARGO_PKG_VERSION"));
        model.text(6, head.says);
        model.message(7, &graph);
        let mut operators = Message::default();
        operators.text(1, "");
        operators.int(2, OPERATOR_SET);
        model.message(8, &operators);
        for (key, value) in head.properties {
            let mut property = Message::default();
            property.text(1, key);
            property.text(2, value);
            model.message(14, &property);
        }
        if model.len() > LONGEST {
            return Err(Error::Invalid(format!(
                "the ONNX graph would take {} bytes; readers accept {LONGEST}",
                model.len()
            )));
        }
        Ok(model.into_bytes())
    }
}

/// Returns the `ValueInfoProto` of an input or output of 32-bit floats.
fn info(value: &Value, batch: Option<usize>) -> Message {
    let mut shape = Message::default();
    let mut rows = Message::default();
    match batch {
        Some(rows_of_all) => rows.int(1, rows_of_all as i64),
        None => rows.text(2, "batch"),
    }
    shape.message(1, &rows);
    let mut columns = Message::default();
    columns.int(1, value.columns as i64);
    shape.message(1, &columns);
    let mut tensor = Message::default();
    tensor.int(1, FLOAT);
    tensor.message(2, &shape);
    let mut kind = Message::default();
    kind.message(1, &tensor);
    let mut info = Message::default();
    info.text(1, value.name);
    info.message(2, &kind);
    info.text(3, value.says);
    info
}
