output "gateway_address" {
  description = "What the domain of the shop is to point to."
  value       = google_compute_global_address.gateway.address
}

output "accounts" {
  description = "The accounts of the servers, for the annotations in gke/overlays."
  value       = { for name, account in google_service_account.servers : name => account.email }
}

output "oms_url" {
  description = "OMS_SERVICE_URL of the gateway."
  value       = local.on_run ? local.run_url["oms"] : "http://oms:8086"
}

output "push_to" {
  description = "Where order management is pushed to, for `boutique provision gcp --push-to`; nothing, where it pulls."
  value       = local.push_to
}

output "api_gateway" {
  description = "Where Google's API Gateway answers, if there is one."
  value       = one(google_api_gateway_gateway.boutique[*].default_hostname)
}
