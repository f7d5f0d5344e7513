# One network, without a way in but the load balancer's. Servers show one another no token: what
# may reach a port may ask it.

resource "google_compute_network" "boutique" {
  name                    = "boutique"
  auto_create_subnetworks = false
  depends_on              = [google_project_service.needed]
}

resource "google_compute_subnetwork" "servers" {
  name          = "servers"
  network       = google_compute_network.boutique.id
  region        = var.region
  ip_cidr_range = "10.10.0.0/20"
  # So that run.app and Pub/Sub are reached without the Internet.
  private_ip_google_access = true

  secondary_ip_range {
    range_name    = "pods"
    ip_cidr_range = "10.20.0.0/16"
  }

  secondary_ip_range {
    range_name    = "services"
    ip_cidr_range = "10.30.0.0/20"
  }
}

# The gateway fetches the keys of the tokens' issuer from the Internet.
resource "google_compute_router" "boutique" {
  name    = "boutique"
  network = google_compute_network.boutique.id
  region  = var.region
}

resource "google_compute_router_nat" "boutique" {
  name                               = "boutique"
  router                             = google_compute_router.boutique.name
  region                             = var.region
  nat_ip_allocate_option             = "AUTO_ONLY"
  source_subnetwork_ip_ranges_to_nat = "ALL_SUBNETWORKS_ALL_IP_RANGES"
}

# Checkout's and warehouse's pods and Cloud Run's instances ask the machines; nobody else does.
resource "google_compute_firewall" "machines" {
  name    = "boutique-machines"
  network = google_compute_network.boutique.id

  source_ranges = concat(
    [google_compute_subnetwork.servers.ip_cidr_range],
    google_compute_subnetwork.servers.secondary_ip_range[*].ip_cidr_range,
  )
  target_tags = ["boutique"]

  allow {
    protocol = "tcp"
    ports    = [for machine in local.machines : machine.port]
  }
}

# To log in by Google's proxy, which asks IAM first.
resource "google_compute_firewall" "ssh" {
  name          = "boutique-ssh"
  network       = google_compute_network.boutique.id
  source_ranges = ["35.235.240.0/20"]
  target_tags   = ["boutique"]

  allow {
    protocol = "tcp"
    ports    = ["22"]
  }
}

resource "google_dns_managed_zone" "internal" {
  name       = "boutique-internal"
  dns_name   = "boutique.internal."
  visibility = "private"

  private_visibility_config {
    networks {
      network_url = google_compute_network.boutique.id
    }
  }
}

resource "google_dns_record_set" "machines" {
  for_each = local.machines

  managed_zone = google_dns_managed_zone.internal.name
  name         = "${each.key}.${google_dns_managed_zone.internal.dns_name}"
  type         = "A"
  ttl          = 60
  rrdatas      = [google_compute_address.machines[each.key].address]
}

resource "google_dns_record_set" "fraud" {
  managed_zone = google_dns_managed_zone.internal.name
  name         = "fraud.${google_dns_managed_zone.internal.dns_name}"
  type         = "A"
  ttl          = 60
  rrdatas      = [var.fraud_address]
}

# Services of Cloud Run whose ingress is internal are asked by private.googleapis.com.
resource "google_dns_managed_zone" "run" {
  name       = "run-app"
  dns_name   = "run.app."
  visibility = "private"

  private_visibility_config {
    networks {
      network_url = google_compute_network.boutique.id
    }
  }
}

resource "google_dns_record_set" "run" {
  managed_zone = google_dns_managed_zone.run.name
  name         = "*.${google_dns_managed_zone.run.dns_name}"
  type         = "A"
  ttl          = 300
  rrdatas      = ["199.36.153.8", "199.36.153.9", "199.36.153.10", "199.36.153.11"]
}
