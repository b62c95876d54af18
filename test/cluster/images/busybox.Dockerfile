FROM scratch
COPY busybox /bin/busybox
RUN ["/bin/busybox", "--install", "/bin"]
RUN mkdir -m 1777 /tmp
ENTRYPOINT ["/bin/busybox", "sleep", "1000000000"]
