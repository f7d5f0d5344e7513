# The data warehouse. Its tables and views are derived from the types of events; dataset.json is
# what is derived, and a test of the repository keeps it so.

locals {
  warehouse = jsondecode(file("${path.module}/dataset.json"))
  dataset   = "${var.project}.${google_bigquery_dataset.boutique.dataset_id}"
}

resource "google_bigquery_dataset" "boutique" {
  dataset_id  = "boutique"
  location    = var.dataset_location
  description = "What a boutique sells, refuses and ships."
  depends_on  = [google_project_service.needed]
}

resource "google_bigquery_table" "tables" {
  for_each = local.warehouse.tables

  dataset_id          = google_bigquery_dataset.boutique.dataset_id
  table_id            = each.key
  description         = each.value.description
  schema              = jsonencode(each.value.schema)
  clustering          = each.value.clustering
  deletion_protection = true

  time_partitioning {
    type  = "DAY"
    field = each.value.partitioned_by
  }
}

# One row for each key: subscriptions write at least once.
resource "google_bigquery_table" "once" {
  for_each = local.warehouse.once

  dataset_id          = google_bigquery_dataset.boutique.dataset_id
  table_id            = each.key
  description         = each.value.description
  deletion_protection = false

  view {
    query          = replace(each.value.query, "PROJECT.DATASET", local.dataset)
    use_legacy_sql = false
  }

  depends_on = [google_bigquery_table.tables]
}

resource "google_bigquery_table" "questions" {
  for_each = local.warehouse.questions

  dataset_id          = google_bigquery_dataset.boutique.dataset_id
  table_id            = each.key
  description         = each.value.description
  deletion_protection = false

  view {
    query          = replace(each.value.query, "PROJECT.DATASET", local.dataset)
    use_legacy_sql = false
  }

  depends_on = [google_bigquery_table.once]
}

# Pub/Sub writes the rows itself.
resource "google_bigquery_dataset_iam_member" "pubsub" {
  for_each = toset(["roles/bigquery.dataEditor", "roles/bigquery.metadataViewer"])

  dataset_id = google_bigquery_dataset.boutique.dataset_id
  role       = each.key
  member     = local.pubsub_agent
}
