resource "google_project_service" "needed" {
  for_each = toset([
    "apigateway.googleapis.com",
    "artifactregistry.googleapis.com",
    "bigquery.googleapis.com",
    "compute.googleapis.com",
    "container.googleapis.com",
    "dns.googleapis.com",
    "file.googleapis.com",
    "iam.googleapis.com",
    "pubsub.googleapis.com",
    "run.googleapis.com",
    # The API Gateway keeps its documents and counts its requests there.
    "servicecontrol.googleapis.com",
    "servicemanagement.googleapis.com",
  ])

  service            = each.key
  disable_on_destroy = false
}
