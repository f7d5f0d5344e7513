# Who each server is to Google, and what it may. Whoever needs nothing of Google has no account
# of its own: the gateway has none, the machines share one.

locals {
  accounts = {
    checkout   = "Publishes confirmed orders"
    oms        = "Takes orders in"
    accounting = "Keeps the books"
    warehouse  = "Publishes reports of shipments"
    push       = "Signs what Pub/Sub pushes to order management"
    machines   = "Fetches releases"
  }
  # Pub/Sub's own, which signs for `push`, writes to BigQuery and moves dead letters.
  pubsub_agent = "serviceAccount:service-${data.google_project.this.number}@gcp-sa-pubsub.iam.gserviceaccount.com"
}

resource "google_service_account" "servers" {
  for_each = local.accounts

  account_id   = "boutique-${each.key}"
  display_name = each.value
  depends_on   = [google_project_service.needed]
}

# Pods act as accounts by the names of their own: namespace boutique of the cluster's pool.
resource "google_service_account_iam_member" "pods" {
  for_each = toset(var.orders_on == "gke" ? ["checkout", "oms", "warehouse"] : ["checkout"])

  service_account_id = google_service_account.servers[each.key].name
  role               = "roles/iam.workloadIdentityUser"
  member             = "serviceAccount:${var.project}.svc.id.goog[boutique/${each.key}]"
  depends_on         = [google_container_cluster.boutique]
}

resource "google_service_account_iam_member" "push_tokens" {
  service_account_id = google_service_account.servers["push"].name
  role               = "roles/iam.serviceAccountTokenCreator"
  member             = local.pubsub_agent
}

resource "google_storage_bucket_iam_member" "releases" {
  bucket = var.releases
  role   = "roles/storage.objectViewer"
  member = google_service_account.servers["machines"].member
}
