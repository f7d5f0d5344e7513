# CRM, inventory and furniture: see ../vm.

locals {
  machines = {
    crm       = { port = 8082, disk = 16 }
    inventory = { port = 8083, disk = 16 }
    furniture = { port = 8084, disk = 16 }
  }
}

resource "google_compute_address" "machines" {
  for_each = local.machines

  name         = "boutique-${each.key}"
  address_type = "INTERNAL"
  subnetwork   = google_compute_subnetwork.servers.id
  region       = var.region
}

# What was answered is here: it outlives the machine, and this plan.
resource "google_compute_disk" "data" {
  for_each = local.machines

  name = "boutique-${each.key}"
  type = "pd-ssd"
  zone = var.zone
  size = each.value.disk

  lifecycle {
    prevent_destroy = true
  }
}

resource "google_compute_resource_policy" "snapshots" {
  name   = "boutique-snapshots"
  region = var.region

  snapshot_schedule_policy {
    schedule {
      hourly_schedule {
        hours_in_cycle = 4
        start_time     = "00:00"
      }
    }

    retention_policy {
      max_retention_days    = 14
      on_source_disk_delete = "KEEP_AUTO_SNAPSHOTS"
    }
  }
}

resource "google_compute_disk_resource_policy_attachment" "snapshots" {
  for_each = local.machines

  name = google_compute_resource_policy.snapshots.name
  disk = google_compute_disk.data[each.key].name
  zone = var.zone
}

resource "google_compute_instance" "machines" {
  for_each = local.machines

  name         = "boutique-${each.key}"
  machine_type = "e2-standard-2"
  zone         = var.zone
  tags         = ["boutique"]

  boot_disk {
    initialize_params {
      image = "debian-cloud/debian-12"
    }
  }

  attached_disk {
    source      = google_compute_disk.data[each.key].id
    device_name = "data"
  }

  network_interface {
    subnetwork = google_compute_subnetwork.servers.id
    network_ip = google_compute_address.machines[each.key].address
  }

  service_account {
    email  = google_service_account.servers["machines"].email
    scopes = ["cloud-platform"]
  }

  shielded_instance_config {
    enable_secure_boot = true
  }

  metadata = {
    enable-oslogin = "TRUE"
    startup-script = templatefile("${path.module}/startup.sh.tftpl", {
      server   = each.key
      releases = var.releases
      release  = var.release
    })
  }

  # A new machine takes the disk of the old one, which has ended by then.
  allow_stopping_for_update = true
}
