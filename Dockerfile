# failoverd in a container. It works on the host's interfaces, so it needs the host's network, and two capabilities
# and no others:
#
#   docker run -d --name failoverd --restart always --network host \
#     --cap-drop ALL --cap-add NET_ADMIN --cap-add NET_RAW \
#     -v /etc/failoverd:/etc/failoverd:ro -v failoverd:/var/lib/failoverd -v /run/failoverd:/run/failoverd \
#     failoverd
#
# NET_ADMIN adds and removes the service addresses; NET_RAW pings, and sends and hears ARP and neighbour discovery.
# A stand-in that is a unit of the host's systemd needs the host's bus as well: -v /run/dbus:/run/dbus.
# A stand-in that is started by a command ends with the container: in a container, use units, or a container of its own.

FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=dev
RUN CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X main.version=${VERSION}" -o /failoverd ./cmd/failoverd

# busybox and not an empty image: fence and check commands are scripts, and the health check needs a shell.
FROM busybox:1.37
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /failoverd /usr/bin/failoverd
VOLUME /var/lib/failoverd
# Healthy is a daemon that answers. Status 3 (attention) and 4 (a server is down) are answers: an orchestrator that
# restarted failoverd because a primary is down would do it at the worst moment.
HEALTHCHECK --interval=10s --timeout=5s --start-period=10s \
  CMD failoverd status >/dev/null 2>&1; case $? in 0|3|4) exit 0;; *) exit 1;; esac
ENTRYPOINT ["/usr/bin/failoverd"]
CMD ["serve"]
