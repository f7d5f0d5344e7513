//! A file of rows.

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use bytes::Bytes;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;

/// Rows of a row group: what a reader of a few columns has to hold at a time.
const ROW_GROUP: usize = 65_536;

/// Rows that are read at a time.
const BATCH: usize = 8_192;

/// Writes a file.
pub(super) struct PartWriter {
    writer: ArrowWriter<Vec<u8>>,
    rows: u64,
}

impl PartWriter {
    pub(super) fn new(schema: SchemaRef) -> Result<Self, ParquetError> {
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .set_max_row_group_row_count(Some(ROW_GROUP))
            .set_created_by("boutique".to_owned())
            .build();
        Ok(Self {
            writer: ArrowWriter::try_new(Vec::new(), schema, Some(properties))?,
            rows: 0,
        })
    }

    pub(super) fn write(&mut self, batch: &RecordBatch) -> Result<(), ParquetError> {
        self.rows += batch.num_rows() as u64;
        self.writer.write(batch)
    }

    /// The contents of the file, and how many rows they are.
    pub(super) fn finish(self) -> Result<(Vec<u8>, u64), ParquetError> {
        Ok((self.writer.into_inner()?, self.rows))
    }
}

/// Reads a file, a batch of rows at a time, with the columns it has.
pub(super) fn read(contents: Vec<u8>) -> Result<ParquetRecordBatchReader, ParquetError> {
    let builder = ParquetRecordBatchReaderBuilder::try_new(Bytes::from(contents))?;
    builder.with_batch_size(BATCH).build()
}
