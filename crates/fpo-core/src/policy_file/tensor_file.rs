//! Named arrays in the safetensors format, with one JSON text as metadata.
//!
//! The metadata is a single entry, because the format's map has no order: a second entry would
//! make equal contents differ in their bytes.

use std::collections::{BTreeMap, HashMap};

use safetensors::tensor::{Dtype, SafeTensors, TensorView};

use crate::error::{Error, Result};

/// The key of the metadata entry.
const METADATA: &str = "fpo";

/// Numbers of one type.
#[derive(Clone, Debug, PartialEq)]
pub enum Data {
    /// 32-bit floats.
    F32(Vec<f32>),
    /// 64-bit floats.
    F64(Vec<f64>),
    /// 32-bit unsigned integers.
    U32(Vec<u32>),
    /// 64-bit unsigned integers.
    U64(Vec<u64>),
}

impl Data {
    /// Returns the type of the numbers and their bytes, in little-endian order.
    pub(crate) fn to_bytes(&self) -> (Dtype, Vec<u8>) {
        match self {
            Data::F32(x) => (Dtype::F32, x.iter().flat_map(|x| x.to_le_bytes()).collect()),
            Data::F64(x) => (Dtype::F64, x.iter().flat_map(|x| x.to_le_bytes()).collect()),
            Data::U32(x) => (Dtype::U32, x.iter().flat_map(|x| x.to_le_bytes()).collect()),
            Data::U64(x) => (Dtype::U64, x.iter().flat_map(|x| x.to_le_bytes()).collect()),
        }
    }

    fn from_bytes(dtype: Dtype, bytes: &[u8]) -> Result<Data> {
        let (four, _) = bytes.as_chunks::<4>();
        let (eight, _) = bytes.as_chunks::<8>();
        Ok(match dtype {
            Dtype::F32 => Data::F32(four.iter().map(|b| f32::from_le_bytes(*b)).collect()),
            Dtype::U32 => Data::U32(four.iter().map(|b| u32::from_le_bytes(*b)).collect()),
            Dtype::F64 => Data::F64(eight.iter().map(|b| f64::from_le_bytes(*b)).collect()),
            Dtype::U64 => Data::U64(eight.iter().map(|b| u64::from_le_bytes(*b)).collect()),
            other => {
                return Err(file_error(format!(
                    "its numbers are of type {other:?}, expected F32, F64, U32 or U64"
                )));
            }
        })
    }
}

/// An array: its shape and its numbers, row-major.
#[derive(Clone, Debug, PartialEq)]
pub struct Array {
    /// Sizes of the dimensions.
    pub shape: Vec<usize>,
    /// The numbers.
    pub data: Data,
}

/// Named arrays and a metadata text.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TensorFile {
    arrays: BTreeMap<String, Array>,
    /// The JSON text stored beside the arrays.
    pub metadata: Option<String>,
}

impl TensorFile {
    /// Adds an array.
    pub fn insert(&mut self, name: impl Into<String>, shape: &[usize], data: Data) {
        self.arrays.insert(name.into(), Array { shape: shape.to_vec(), data });
    }

    /// Returns all arrays by name.
    pub fn arrays(&self) -> &BTreeMap<String, Array> {
        &self.arrays
    }

    /// Returns the array `name`.
    ///
    /// # Errors
    /// If the file has no such array.
    pub fn get(&self, name: &str) -> Result<&Array> {
        self.arrays.get(name).ok_or_else(|| file_error(format!("there is no tensor `{name}`")))
    }

    /// Returns the numbers of the F32 array `name`.
    ///
    /// # Errors
    /// If it is missing or of another type.
    pub fn f32(&self, name: &str) -> Result<Vec<f32>> {
        match &self.get(name)?.data {
            Data::F32(values) => Ok(values.clone()),
            other => Err(wrong_type(name, other, "F32")),
        }
    }

    /// Returns the numbers of the F64 array `name`.
    ///
    /// # Errors
    /// If it is missing or of another type.
    pub fn f64(&self, name: &str) -> Result<Vec<f64>> {
        match &self.get(name)?.data {
            Data::F64(values) => Ok(values.clone()),
            other => Err(wrong_type(name, other, "F64")),
        }
    }

    /// Returns the numbers of the U32 array `name`.
    ///
    /// # Errors
    /// If it is missing or of another type.
    pub fn u32(&self, name: &str) -> Result<Vec<u32>> {
        match &self.get(name)?.data {
            Data::U32(values) => Ok(values.clone()),
            other => Err(wrong_type(name, other, "U32")),
        }
    }

    /// Returns the numbers of the U64 array `name`.
    ///
    /// # Errors
    /// If it is missing or of another type.
    pub fn u64(&self, name: &str) -> Result<Vec<u64>> {
        match &self.get(name)?.data {
            Data::U64(values) => Ok(values.clone()),
            other => Err(wrong_type(name, other, "U64")),
        }
    }

    /// Returns the file's bytes; equal contents give equal bytes.
    ///
    /// # Errors
    /// [`Error::File`] if the shape of an array does not fit its numbers.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let bytes: Vec<_> =
            self.arrays.iter().map(|(name, a)| (name, &a.shape, a.data.to_bytes())).collect();
        let mut views = Vec::with_capacity(bytes.len());
        for (name, shape, (dtype, bytes)) in &bytes {
            let view = TensorView::new(*dtype, shape.to_vec(), bytes);
            views.push((name.as_str(), view.map_err(|error| file_error(error.to_string()))?));
        }
        let metadata =
            self.metadata.clone().map(|text| HashMap::from([(METADATA.to_string(), text)]));
        safetensors::serialize(views, metadata).map_err(|error| file_error(error.to_string()))
    }

    /// Reads a file's bytes.
    ///
    /// # Errors
    /// If they are not a whole safetensors file, or hold numbers of another type.
    pub fn from_bytes(bytes: &[u8]) -> Result<TensorFile> {
        let unreadable = |error| {
            let len = bytes.len();
            file_error(format!("not a whole safetensors file ({len} bytes): {error}"))
        };
        let (_, header) = SafeTensors::read_metadata(bytes).map_err(unreadable)?;
        let tensors = SafeTensors::deserialize(bytes).map_err(unreadable)?;
        let metadata = header.metadata().as_ref().and_then(|map| map.get(METADATA).cloned());
        let mut file = TensorFile { metadata, ..TensorFile::default() };
        for (name, view) in tensors.iter() {
            let data = Data::from_bytes(view.dtype(), view.data())
                .map_err(|error| file_error(format!("tensor `{name}`: {error}")))?;
            file.insert(name, view.shape(), data);
        }
        Ok(file)
    }
}

fn wrong_type(name: &str, found: &Data, expected: &str) -> Error {
    let (found, _) = found.to_bytes();
    file_error(format!("tensor `{name}` is of type {found:?}, expected {expected}"))
}

fn file_error(what: String) -> Error {
    Error::File(what)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sample() -> TensorFile {
        let mut file = TensorFile { metadata: Some("{\"a\":1}".into()), ..Default::default() };
        file.insert("x", &[2, 2], Data::F32(vec![1.0, f32::MIN_POSITIVE, -0.0, 3.5]));
        file.insert("y", &[1], Data::F64(vec![f64::MAX]));
        file.insert("n", &[2], Data::U32(vec![0, u32::MAX]));
        file.insert("m", &[1], Data::U64(vec![u64::MAX]));
        file
    }

    #[test]
    fn a_file_reads_back_as_it_was_written() {
        let bytes = sample().to_bytes().unwrap();
        assert_eq!(TensorFile::from_bytes(&bytes).unwrap(), sample());
        assert_eq!(bytes, sample().to_bytes().unwrap());
    }

    proptest! {
        #[test]
        fn a_cut_file_is_refused_and_never_panics(share in 0.0f64..1.0) {
            let bytes = sample().to_bytes().unwrap();
            let cut = (bytes.len() as f64 * share) as usize;
            prop_assert!(TensorFile::from_bytes(&bytes[..cut]).is_err());
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            prop_assert!(TensorFile::from_bytes(&bytes).is_err());
        }
    }
}
