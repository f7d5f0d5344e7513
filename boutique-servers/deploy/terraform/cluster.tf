# Where checkout and gateway run: see ../gke.

resource "google_container_cluster" "boutique" {
  name             = "boutique"
  location         = var.region
  enable_autopilot = true
  network          = google_compute_network.boutique.id
  subnetwork       = google_compute_subnetwork.servers.id

  ip_allocation_policy {
    cluster_secondary_range_name  = "pods"
    services_secondary_range_name = "services"
  }

  private_cluster_config {
    enable_private_nodes = true
  }

  release_channel {
    channel = "REGULAR"
  }

  depends_on = [google_project_service.needed]
}

# What the domain of the shop points to; the ingress takes it by this name.
resource "google_compute_global_address" "gateway" {
  name       = "boutique"
  depends_on = [google_project_service.needed]
}
