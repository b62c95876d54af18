# Stands in for an image that the tests cannot fetch: whatever it is asked, it serves its host name on port 8080.
FROM scratch
COPY busybox /bin/busybox
RUN ["/bin/busybox", "--install", "/bin"]
RUN mkdir -m 1777 /tmp
ENTRYPOINT ["/bin/busybox", "sh", "-c", "mkdir /tmp/www && hostname >/tmp/www/hostname && cp /tmp/www/hostname /tmp/www/index.html && exec httpd -f -p 8080 -h /tmp/www"]
