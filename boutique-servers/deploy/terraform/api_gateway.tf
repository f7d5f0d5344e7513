# Google's API Gateway instead of ours, where a document of it is given:
#
#   boutique gateway-spec --format openapi2 > gateway.json
#
# with CHECKOUT_SERVICE_URL and OMS_SERVICE_URL set to HTTPS addresses that Google reaches. Those
# then have to admit this gateway's account and nobody else (an HTTPS load balancer with
# Identity-Aware Proxy, or a service of Cloud Run with IAM): they believe what it says of users.

resource "google_service_account" "api_gateway" {
  count = var.api_gateway_spec == null ? 0 : 1

  account_id   = "boutique-api-gateway"
  display_name = "Asks checkout and order management"
}

resource "google_api_gateway_api" "boutique" {
  count    = var.api_gateway_spec == null ? 0 : 1
  provider = google-beta

  api_id     = "boutique"
  depends_on = [google_project_service.needed]
}

resource "google_api_gateway_api_config" "boutique" {
  count    = var.api_gateway_spec == null ? 0 : 1
  provider = google-beta

  api                  = google_api_gateway_api.boutique[0].api_id
  api_config_id_prefix = "boutique-"

  openapi_documents {
    document {
      path     = "gateway.json"
      contents = filebase64(var.api_gateway_spec)
    }
  }

  gateway_config {
    backend_config {
      google_service_account = google_service_account.api_gateway[0].email
    }
  }

  lifecycle {
    create_before_destroy = true
  }
}

resource "google_api_gateway_gateway" "boutique" {
  count    = var.api_gateway_spec == null ? 0 : 1
  provider = google-beta

  gateway_id = "boutique"
  api_config = google_api_gateway_api_config.boutique[0].id
  region     = var.region
}
