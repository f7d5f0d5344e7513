# Order management, accounting and warehouse on Cloud Run. What a service is, its file in
# ../cloud-run says; here it gets this project's names.

locals {
  on_run = var.orders_on == "cloud-run"
  run = local.on_run ? {
    for name in ["oms", "accounting", "warehouse"] :
    name => yamldecode(file("${path.module}/../cloud-run/${name}.yaml"))
  } : {}
  run_url = {
    for name in ["oms", "accounting", "warehouse"] :
    name => "https://boutique-${name}-${data.google_project.this.number}.${var.region}.run.app"
  }
  # What the files can only give an example of.
  run_environment = {
    oms = {
      GCP_PROJECT_ID         = var.project
      PUSH_AUDIENCE          = var.push_audience
      PUSH_ACCOUNT           = google_service_account.servers["push"].email
      ACCOUNTING_SERVICE_URL = local.run_url["accounting"]
      WAREHOUSE_SERVICE_URL  = local.run_url["warehouse"]
    }
    accounting = {}
    warehouse = {
      GCP_PROJECT_ID = var.project
    }
  }
}

resource "google_filestore_instance" "orders" {
  count = local.on_run ? 1 : 0

  name     = "boutique-orders"
  location = var.zone
  tier     = "ZONAL"

  file_shares {
    name        = "boutique"
    capacity_gb = 1024

    nfs_export_options {
      ip_ranges   = [google_compute_subnetwork.servers.ip_cidr_range]
      access_mode = "READ_WRITE"
      squash_mode = "NO_ROOT_SQUASH"
    }
  }

  networks {
    network = google_compute_network.boutique.name
    modes   = ["MODE_IPV4"]
  }

  lifecycle {
    prevent_destroy = true
  }
}

# What a revision is made of.
resource "terraform_data" "orders" {
  for_each = local.run

  input = [var.image, each.value, local.run_environment[each.key]]
}

resource "google_cloud_run_v2_service" "orders" {
  for_each = { for name, it in local.run : name => it if var.orders_up }

  name                 = each.value.metadata.name
  location             = var.region
  ingress              = "INGRESS_TRAFFIC_INTERNAL_ONLY"
  invoker_iam_disabled = true
  # What it keeps is on the share.
  deletion_protection = false

  template {
    service_account                  = google_service_account.servers[each.key].email
    timeout                          = "${each.value.spec.template.spec.timeoutSeconds}s"
    max_instance_request_concurrency = each.value.spec.template.spec.containerConcurrency
    execution_environment            = "EXECUTION_ENVIRONMENT_GEN2"

    scaling {
      min_instance_count = tonumber(each.value.spec.template.metadata.annotations["autoscaling.knative.dev/minScale"])
      max_instance_count = tonumber(each.value.spec.template.metadata.annotations["autoscaling.knative.dev/maxScale"])
    }

    vpc_access {
      egress = "ALL_TRAFFIC"

      network_interfaces {
        network    = google_compute_network.boutique.name
        subnetwork = google_compute_subnetwork.servers.name
      }
    }

    containers {
      image   = var.image
      command = each.value.spec.template.spec.containers[0].command

      ports {
        name           = each.value.spec.template.spec.containers[0].ports[0].name
        container_port = each.value.spec.template.spec.containers[0].ports[0].containerPort
      }

      dynamic "env" {
        for_each = merge(
          { for it in each.value.spec.template.spec.containers[0].env : it.name => it.value },
          local.run_environment[each.key],
        )

        content {
          name  = env.key
          value = env.value
        }
      }

      startup_probe {
        period_seconds    = each.value.spec.template.spec.containers[0].startupProbe.periodSeconds
        timeout_seconds   = each.value.spec.template.spec.containers[0].startupProbe.timeoutSeconds
        failure_threshold = each.value.spec.template.spec.containers[0].startupProbe.failureThreshold

        http_get {
          path = each.value.spec.template.spec.containers[0].startupProbe.httpGet.path
          port = each.value.spec.template.spec.containers[0].startupProbe.httpGet.port
        }
      }

      liveness_probe {
        period_seconds    = each.value.spec.template.spec.containers[0].livenessProbe.periodSeconds
        timeout_seconds   = each.value.spec.template.spec.containers[0].livenessProbe.timeoutSeconds
        failure_threshold = each.value.spec.template.spec.containers[0].livenessProbe.failureThreshold

        http_get {
          path = each.value.spec.template.spec.containers[0].livenessProbe.httpGet.path
          port = each.value.spec.template.spec.containers[0].livenessProbe.httpGet.port
        }
      }

      resources {
        limits   = each.value.spec.template.spec.containers[0].resources.limits
        cpu_idle = each.value.spec.template.metadata.annotations["run.googleapis.com/cpu-throttling"] == "true"
      }

      volume_mounts {
        name       = each.value.spec.template.spec.containers[0].volumeMounts[0].name
        mount_path = each.value.spec.template.spec.containers[0].volumeMounts[0].mountPath
      }
    }

    volumes {
      name = each.value.spec.template.spec.volumes[0].name

      nfs {
        server    = google_filestore_instance.orders[0].networks[0].ip_addresses[0]
        path      = "/${google_filestore_instance.orders[0].file_shares[0].name}"
        read_only = false
      }
    }
  }

  # A new revision beside the old one would be a second process on its file, and the share has no
  # locks that refuse it.
  lifecycle {
    replace_triggered_by = [terraform_data.orders[each.key]]
  }

  depends_on = [google_project_service.needed]
}
