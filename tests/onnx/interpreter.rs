//! Reads an ONNX file and evaluates its graph, as far as policies need it: a decoder of protobuf,
//! and the operators' definitions (<https://onnx.ai/onnx/operators/>) in plain loops.
//!
//! What is read must be as the format demands: a value is named once, and is there before it is
//! used.

use std::collections::BTreeMap;

/// A field of a message: its number, and a varint, four bytes, or a run of bytes.
enum Field<'a> {
    Int(i64),
    Float(f32),
    Bytes(&'a [u8]),
}

/// The fields of a message in their order.
fn fields(mut bytes: &[u8]) -> Vec<(u64, Field<'_>)> {
    let mut found = Vec::new();
    while !bytes.is_empty() {
        let tag = varint(&mut bytes);
        let field = match tag & 7 {
            0 => Field::Int(varint(&mut bytes) as i64),
            2 => {
                let length = varint(&mut bytes) as usize;
                let (content, rest) = bytes.split_at(length);
                bytes = rest;
                Field::Bytes(content)
            }
            5 => {
                let (content, rest) = bytes.split_at(4);
                bytes = rest;
                Field::Float(f32::from_le_bytes(content.try_into().unwrap()))
            }
            other => panic!("wire type {other}"),
        };
        found.push((tag >> 3, field));
    }
    found
}

fn varint(bytes: &mut &[u8]) -> u64 {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (first, rest) = bytes.split_first().unwrap();
        *bytes = rest;
        value |= u64::from(first & 0x7f) << shift;
        if first & 0x80 == 0 {
            return value;
        }
    }
    panic!("a varint of more than ten bytes");
}

impl<'a> Field<'a> {
    fn int(&self) -> i64 {
        let Field::Int(value) = self else { panic!("no integer") };
        *value
    }

    fn float(&self) -> f32 {
        let Field::Float(value) = self else { panic!("no float") };
        *value
    }

    fn bytes(&self) -> &'a [u8] {
        let Field::Bytes(value) = self else { panic!("no bytes") };
        value
    }

    fn text(&self) -> String {
        String::from_utf8(self.bytes().to_vec()).unwrap()
    }
}

/// An array of numbers; integers are held as floats too.
#[derive(Clone)]
struct Array {
    shape: Vec<usize>,
    values: Vec<f32>,
}

struct Node {
    operator: String,
    inputs: Vec<String>,
    output: String,
    attributes: BTreeMap<String, f32>,
}

/// A graph and what the file says of it.
pub struct Model {
    pub ir_version: i64,
    pub producer: String,
    pub operator_sets: Vec<(String, i64)>,
    pub properties: BTreeMap<String, String>,
    /// Rows, if they are fixed, and columns, by name.
    pub inputs: BTreeMap<String, (Option<usize>, usize)>,
    pub outputs: BTreeMap<String, (Option<usize>, usize)>,
    constants: BTreeMap<String, Array>,
    nodes: Vec<Node>,
}

impl Model {
    /// Reads a `ModelProto`.
    pub fn parse(bytes: &[u8]) -> Model {
        let mut model = Model {
            ir_version: 0,
            producer: String::new(),
            operator_sets: Vec::new(),
            properties: BTreeMap::new(),
            inputs: BTreeMap::new(),
            outputs: BTreeMap::new(),
            constants: BTreeMap::new(),
            nodes: Vec::new(),
        };
        for (number, field) in fields(bytes) {
            match number {
                1 => model.ir_version = field.int(),
                2 => model.producer = field.text(),
                3 | 6 => assert!(!field.text().is_empty()),
                7 => model.graph(field.bytes()),
                8 => {
                    let (mut domain, mut version) = (String::new(), 0);
                    for (number, field) in fields(field.bytes()) {
                        match number {
                            1 => domain = field.text(),
                            2 => version = field.int(),
                            other => panic!("field {other} of an operator set"),
                        }
                    }
                    model.operator_sets.push((domain, version));
                }
                14 => {
                    let entry = fields(field.bytes());
                    assert_eq!((entry[0].0, entry[1].0, entry.len()), (1, 2, 2));
                    let (key, value) = (entry[0].1.text(), entry[1].1.text());
                    assert!(model.properties.insert(key, value).is_none());
                }
                other => panic!("field {other} of a model"),
            }
        }
        model
    }

    fn graph(&mut self, bytes: &[u8]) {
        for (number, field) in fields(bytes) {
            match number {
                1 => self.nodes.push(node(field.bytes())),
                2 => assert!(!field.text().is_empty()),
                5 => {
                    let (name, array) = tensor(field.bytes());
                    assert!(self.constants.insert(name.clone(), array).is_none(), "{name} twice");
                }
                11 => assert!(insert(&mut self.inputs, field.bytes())),
                12 => assert!(insert(&mut self.outputs, field.bytes())),
                other => panic!("field {other} of a graph"),
            }
        }
    }

    /// Returns the outputs for `rows` rows of inputs.
    pub fn run(
        &self,
        rows: usize,
        inputs: &BTreeMap<String, Vec<f32>>,
    ) -> BTreeMap<String, Vec<f32>> {
        let mut known = self.constants.clone();
        for (name, &(fixed, columns)) in &self.inputs {
            assert!(fixed.is_none_or(|fixed| fixed == rows));
            let array = Array { shape: vec![rows, columns], values: inputs[name].clone() };
            assert_eq!(array.values.len(), rows * columns, "{name}");
            assert!(known.insert(name.clone(), array).is_none(), "{name} twice");
        }
        for node in &self.nodes {
            let find = |name: &String| known.get(name).unwrap_or_else(|| panic!("no {name} yet"));
            let array = compute(node, &node.inputs.iter().map(find).collect::<Vec<_>>());
            let output = &node.output;
            assert!(known.insert(output.clone(), array).is_none(), "{output} twice");
        }
        let output = |(name, &(_, columns)): (&String, &(Option<usize>, usize))| {
            assert_eq!(known[name].shape, [rows, columns], "{name}");
            (name.clone(), known[name].values.clone())
        };
        self.outputs.iter().map(output).collect()
    }
}

fn node(bytes: &[u8]) -> Node {
    let (mut operator, mut output, mut inputs) = (String::new(), Vec::new(), Vec::new());
    let mut attributes = BTreeMap::new();
    for (number, field) in fields(bytes) {
        match number {
            1 => inputs.push(field.text()),
            2 => output.push(field.text()),
            3 => assert!(!field.text().is_empty()),
            4 => operator = field.text(),
            5 => {
                let attribute = fields(field.bytes());
                let numbers: Vec<u64> = attribute.iter().map(|(number, _)| *number).collect();
                assert_eq!(numbers, [1, 2, 20], "name, float, type");
                assert_eq!(attribute[2].1.int(), 1, "the type of a float");
                attributes.insert(attribute[0].1.text(), attribute[1].1.float());
            }
            other => panic!("field {other} of a node"),
        }
    }
    assert_eq!(output.len(), 1, "{operator}");
    Node { operator, inputs, output: output.remove(0), attributes }
}

fn tensor(bytes: &[u8]) -> (String, Array) {
    let (mut shape, mut kind, mut name, mut raw) = (Vec::new(), 0, String::new(), &[][..]);
    for (number, field) in fields(bytes) {
        match number {
            1 => shape.push(field.int() as usize),
            2 => kind = field.int(),
            8 => name = field.text(),
            9 => raw = field.bytes(),
            other => panic!("field {other} of a tensor"),
        }
    }
    let values: Vec<f32> = match kind {
        1 => raw.chunks(4).map(|x| f32::from_le_bytes(x.try_into().unwrap())).collect(),
        7 => raw.chunks(8).map(|x| i64::from_le_bytes(x.try_into().unwrap()) as f32).collect(),
        other => panic!("numbers of type {other}"),
    };
    assert_eq!(values.len(), shape.iter().product::<usize>(), "{name}");
    (name, Array { shape, values })
}

/// Adds what a `ValueInfoProto` says; returns whether it is new.
fn insert(values: &mut BTreeMap<String, (Option<usize>, usize)>, bytes: &[u8]) -> bool {
    let inner = |bytes: &[u8], wanted: u64| -> Vec<u8> {
        let all = fields(bytes);
        let (_, field) = all.iter().find(|(number, _)| *number == wanted).unwrap();
        field.bytes().to_vec()
    };
    let name = String::from_utf8(inner(bytes, 1)).unwrap();
    let tensor = inner(&inner(bytes, 2), 1);
    assert!(fields(&tensor).iter().any(|(number, field)| *number == 1 && field.int() == 1));
    let shape = inner(&tensor, 2);
    let sizes: Vec<Option<usize>> = fields(&shape)
        .iter()
        .map(|(number, size)| {
            assert_eq!(*number, 1);
            match &fields(size.bytes())[..] {
                [(1, size)] => Some(size.int() as usize),
                [(2, name)] => {
                    assert_eq!(name.text(), "batch");
                    None
                }
                _ => panic!("a size that is neither a number nor a name"),
            }
        })
        .collect();
    assert_eq!(sizes.len(), 2, "{name}");
    values.insert(name, (sizes[0], sizes[1].unwrap())).is_none()
}

/// Evaluates an operator.
fn compute(node: &Node, inputs: &[&Array]) -> Array {
    let attributes = &node.attributes;
    assert!(attributes.is_empty() || node.operator == "Gemm", "{}", node.operator);
    match (node.operator.as_str(), inputs) {
        ("Add", [a, b]) => pairs(a, b, |a, b| a + b),
        ("Sub", [a, b]) => pairs(a, b, |a, b| a - b),
        ("Mul", [a, b]) => pairs(a, b, |a, b| a * b),
        ("Div", [a, b]) => pairs(a, b, |a, b| a / b),
        ("Identity", [x]) => (*x).clone(),
        ("Relu", [x]) => each(x, |x| x.max(0.0)),
        ("Sigmoid", [x]) => each(x, |x| 1.0 / (1.0 + (-x).exp())),
        ("Softplus", [x]) => each(x, |x| x.max(0.0) + (-x.abs()).exp().ln_1p()),
        ("Tanh", [x]) => each(x, f32::tanh),
        ("Exp", [x]) => each(x, f32::exp),
        ("Gemm", [a, b, c]) => {
            let factor = |name: &str| attributes.get(name).copied().unwrap_or(1.0);
            let scaled = each(&product(a, b), |x| factor("alpha") * x);
            pairs(&scaled, &each(c, |x| factor("beta") * x), |a, b| a + b)
        }
        ("Slice", [x, from, to, axis]) => {
            assert_eq!((x.shape.len(), &axis.values[..]), (2, &[1.0][..]), "columns alone");
            let (from, to) = (from.values[0] as usize, to.values[0] as usize);
            let rows = x.values.chunks(x.shape[1]);
            let values = rows.flat_map(|row| &row[from..to]).copied().collect();
            Array { shape: vec![x.shape[0], to - from], values }
        }
        (other, inputs) => panic!("{other} of {} inputs", inputs.len()),
    }
}

fn each(x: &Array, function: impl Fn(f32) -> f32) -> Array {
    Array { shape: x.shape.clone(), values: x.values.iter().map(|&x| function(x)).collect() }
}

/// A function of two arrays, of which the second may be one row, or one number, for all rows.
fn pairs(a: &Array, b: &Array, function: impl Fn(f32, f32) -> f32) -> Array {
    let columns = *a.shape.last().unwrap();
    let fits = b.shape == a.shape || b.values.len() == columns || b.values.len() == 1;
    assert!(fits, "{:?} and {:?}", a.shape, b.shape);
    let second = |index: usize| b.values[index % b.values.len()];
    let values = a.values.iter().enumerate();
    Array {
        shape: a.shape.clone(),
        values: values.map(|(index, &x)| function(x, second(index))).collect(),
    }
}

fn product(a: &Array, b: &Array) -> Array {
    let ([rows, inner], [same, columns]) = (&a.shape[..], &b.shape[..]) else {
        panic!("no matrices: {:?}, {:?}", a.shape, b.shape)
    };
    assert_eq!(inner, same);
    let mut values = Vec::with_capacity(rows * columns);
    for row in a.values.chunks(*inner) {
        for column in 0..*columns {
            let terms = row.iter().enumerate().map(|(k, x)| x * b.values[k * columns + column]);
            values.push(terms.sum());
        }
    }
    Array { shape: vec![*rows, *columns], values }
}
