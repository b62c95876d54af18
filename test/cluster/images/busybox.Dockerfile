FROM scratch
COPY busybox /bin/busybox
RUN ["/bin/busybox", "--install", "/bin"]
ENTRYPOINT ["/bin/busybox", "sleep", "1000000000"]
