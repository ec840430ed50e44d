# patchlab as a Nomad batch job: every night one group for each lab, wherever a
# client has /dev/kvm, memory, and the two host volumes. Run:
#
#   nomad job run -var 'labs=["dental","mill"]' -var image=patchlab:1 patchlab-night.nomad
#
# A client offers the volumes in its configuration; the second is of user 10001:
#
#   host_volume "patchlab-labs" {
#     path      = "/srv/labs"
#     read_only = true
#   }
#   host_volume "patchlab-home" {
#     path = "/var/lib/patchlab"
#   }

variable "labs" {
  type        = list(string)
  description = "folders below the volume patchlab-labs, one lab each"
  default     = ["dental"]
}

variable "image" {
  type        = string
  description = "made from Containerfile"
  default     = "patchlab:latest"
}

variable "kvm_group" {
  type        = string
  description = "group of /dev/kvm on the clients: stat -c %g /dev/kvm"
  default     = "104"
}

job "patchlab-night" {
  type = "batch"

  periodic {
    crons            = ["0 22 * * *"]
    time_zone        = "UTC" # that of the container, for --finish-by
    prohibit_overlap = true
  }

  dynamic "group" {
    for_each = var.labs
    labels   = [group.value]

    content {
      # A verdict is a verdict: no lab is tried again, nor moved to another
      # client. The next night goes on where this one was cut off.
      restart {
        attempts = 0
        mode     = "fail"
      }
      reschedule {
        attempts  = 0
        unlimited = false
      }

      volume "labs" {
        type      = "host"
        source    = "patchlab-labs"
        read_only = true
      }
      volume "home" {
        type   = "host"
        source = "patchlab-home"
      }

      task "night" {
        driver       = "docker"
        user         = "10001"
        kill_signal  = "SIGTERM"
        kill_timeout = "180s" # to take the machines down; the client's max_kill_timeout must allow it

        config {
          image     = var.image
          args      = ["night", "/srv/labs/${group.value}", "--if-changed", "--finish-by", "06:00", "--wait", "2h"]
          group_add = [var.kvm_group]
          cap_drop  = ["all"]
          devices = [{
            host_path          = "/dev/kvm"
            container_path     = "/dev/kvm"
            cgroup_permissions = "rw"
          }]
        }

        env {
          # Below the volume, so that patchlab makes and owns it.
          PATCHLAB_HOME = "/var/lib/patchlab/home"
        }

        volume_mount {
          volume      = "labs"
          destination = "/srv/labs"
          read_only   = true
        }
        volume_mount {
          volume      = "home"
          destination = "/var/lib/patchlab"
        }

        resources {
          cores  = 2
          memory = 8192 # MiB: twice the lab's machines, and 1 GiB
        }
      }
    }
  }
}
