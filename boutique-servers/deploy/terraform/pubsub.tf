# What `boutique provision gcp` would make, and says is right once this is applied; a test of the
# repository compares the two.

locals {
  # Where order management is pushed to; nothing, where it pulls.
  push_to = local.on_run ? "${local.run_url["oms"]}/" : null
  to_oms = {
    "orders.oms" = {
      topic                 = google_pubsub_topic.orders.id
      dead_letter_topic     = google_pubsub_topic.orders_dead.id
      max_delivery_attempts = 100
    }
    "orders-dead.oms" = {
      topic                 = google_pubsub_topic.orders_dead.id
      dead_letter_topic     = null
      max_delivery_attempts = null
    }
    "shipments.oms" = {
      topic                 = google_pubsub_topic.shipments.id
      dead_letter_topic     = null
      max_delivery_attempts = null
    }
  }
}

resource "google_pubsub_topic" "orders" {
  name       = "orders"
  depends_on = [google_project_service.needed]
}

resource "google_pubsub_topic" "orders_dead" {
  name       = "orders-dead"
  depends_on = [google_project_service.needed]
}

resource "google_pubsub_topic" "refusals" {
  name       = "refusals"
  depends_on = [google_project_service.needed]
}

resource "google_pubsub_topic" "shipments" {
  name       = "shipments"
  depends_on = [google_project_service.needed]
}

# What a table would not take.
resource "google_pubsub_topic" "analytics_dead" {
  name       = "analytics-dead"
  depends_on = [google_project_service.needed]
}

resource "google_pubsub_subscription" "oms" {
  for_each = local.to_oms

  name                       = each.key
  topic                      = each.value.topic
  ack_deadline_seconds       = 30
  enable_message_ordering    = true
  message_retention_duration = "604800s"

  # Never, however long nobody asks.
  expiration_policy {
    ttl = ""
  }

  # A hundred deliveries, the later ones five minutes apart: order management may be away for
  # eight hours before what it could not be told is dead.
  retry_policy {
    minimum_backoff = "1s"
    maximum_backoff = "300s"
  }

  dynamic "dead_letter_policy" {
    for_each = each.value.dead_letter_topic == null ? [] : [each.value]

    content {
      dead_letter_topic     = dead_letter_policy.value.dead_letter_topic
      max_delivery_attempts = dead_letter_policy.value.max_delivery_attempts
    }
  }

  dynamic "push_config" {
    for_each = local.push_to == null ? [] : [local.push_to]

    content {
      push_endpoint = push_config.value

      oidc_token {
        service_account_email = google_service_account.servers["push"].email
        audience              = var.push_audience
      }
    }
  }

  depends_on = [google_service_account_iam_member.push_tokens]
}

# Straight into the tables, by their columns.
resource "google_pubsub_subscription" "analytics" {
  for_each = {
    orders    = google_pubsub_topic.orders.id
    refusals  = google_pubsub_topic.refusals.id
    shipments = google_pubsub_topic.shipments.id
  }

  name                       = "${each.key}.analytics"
  topic                      = each.value
  ack_deadline_seconds       = 30
  enable_message_ordering    = false
  message_retention_duration = "604800s"

  expiration_policy {
    ttl = ""
  }

  retry_policy {
    minimum_backoff = "1s"
    maximum_backoff = "300s"
  }

  dead_letter_policy {
    dead_letter_topic     = google_pubsub_topic.analytics_dead.id
    max_delivery_attempts = 10
  }

  bigquery_config {
    table               = "${local.dataset}.${google_bigquery_table.tables[each.key].table_id}"
    use_table_schema    = true
    write_metadata      = true
    drop_unknown_fields = false
  }

  depends_on = [google_bigquery_dataset_iam_member.pubsub]
}

# It is kept a week for whoever looks.
resource "google_pubsub_subscription" "kept" {
  name                       = "analytics-dead.kept"
  topic                      = google_pubsub_topic.analytics_dead.id
  ack_deadline_seconds       = 30
  enable_message_ordering    = false
  message_retention_duration = "604800s"

  expiration_policy {
    ttl = ""
  }

  retry_policy {
    minimum_backoff = "1s"
    maximum_backoff = "300s"
  }
}

resource "google_pubsub_topic_iam_member" "publishers" {
  for_each = {
    orders    = { topic = google_pubsub_topic.orders.name, account = "checkout" }
    refusals  = { topic = google_pubsub_topic.refusals.name, account = "checkout" }
    shipments = { topic = google_pubsub_topic.shipments.name, account = "warehouse" }
  }

  topic  = each.value.topic
  role   = "roles/pubsub.publisher"
  member = google_service_account.servers[each.value.account].member
}

# Servers look at their start whether what they name is there. Order management names nothing
# where it is pushed to.
resource "google_project_iam_member" "viewers" {
  for_each = toset(local.on_run ? ["checkout", "warehouse"] : ["checkout", "oms", "warehouse"])

  project = var.project
  role    = "roles/pubsub.viewer"
  member  = google_service_account.servers[each.key].member
}

resource "google_pubsub_subscription_iam_member" "oms" {
  for_each = local.on_run ? {} : google_pubsub_subscription.oms

  subscription = each.value.name
  role         = "roles/pubsub.subscriber"
  member       = google_service_account.servers["oms"].member
}

# Pub/Sub itself moves what is dead: it publishes there and acknowledges here.
resource "google_pubsub_topic_iam_member" "dead" {
  for_each = {
    orders_dead    = google_pubsub_topic.orders_dead.name
    analytics_dead = google_pubsub_topic.analytics_dead.name
  }

  topic  = each.value
  role   = "roles/pubsub.publisher"
  member = local.pubsub_agent
}

resource "google_pubsub_subscription_iam_member" "dead" {
  for_each = merge(
    { orders_oms = google_pubsub_subscription.oms["orders.oms"].name },
    { for name, it in google_pubsub_subscription.analytics : "${name}_analytics" => it.name },
  )

  subscription = each.value
  role         = "roles/pubsub.subscriber"
  member       = local.pubsub_agent
}
