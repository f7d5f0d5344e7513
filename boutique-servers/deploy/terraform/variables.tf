variable "project" {
  description = "The id of the project, which exists and has billing."
  type        = string
}

variable "region" {
  description = "Where everything is."
  type        = string
  default     = "europe-west1"
}

variable "zone" {
  description = "Where the virtual machines and the file share are."
  type        = string
  default     = "europe-west1-b"
}

variable "image" {
  description = "The image of the Dockerfile, in a registry that this project may read, by digest or tag."
  type        = string
}

variable "releases" {
  description = "A bucket that exists, with boutique-VERSION.tar.gz: boutique/bin/ with the programs, boutique/vm/ with the folder vm."
  type        = string
}

variable "release" {
  description = "Which VERSION the virtual machines run, once their script has run again: see README.md."
  type        = string
}

variable "fraud_address" {
  description = "The address of the fraud engine on Azure, across the VPN."
  type        = string
}

variable "orders_on" {
  description = "Where order management, accounting and warehouse run: gke or cloud-run. Read cloud-run/README.md of what Cloud Run means for their files first."
  type        = string
  default     = "gke"

  validation {
    condition     = contains(["cloud-run", "gke"], var.orders_on)
    error_message = "Either cloud-run or gke."
  }
}

variable "orders_up" {
  description = "Whether the services of Cloud Run are there. They are not before the file share is theirs, and between two images."
  type        = bool
  default     = true
}

variable "dataset_location" {
  description = "Where the data warehouse is, such as EU; it stays there."
  type        = string
  default     = "EU"
}

variable "push_audience" {
  description = "Whom the tokens of pushes are for: PUSH_AUDIENCE of order management."
  type        = string
  default     = "boutique-oms"
}

variable "api_gateway_spec" {
  description = "The file that `boutique gateway-spec --format openapi2` wrote, to put Google's API Gateway before the services instead of our gateway; none without."
  type        = string
  default     = null
}
